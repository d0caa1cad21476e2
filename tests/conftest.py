import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background: the commands that tests interrupt would inherit this.
    signal.signal(signal.SIGINT, signal.default_int_handler)
