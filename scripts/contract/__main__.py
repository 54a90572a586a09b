from scripts.contract.cli import main

main()
