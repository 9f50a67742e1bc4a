from shopctl.cli import main

if __name__ == "__main__":  # the gateway's workers are started by importing this anew
    main()
