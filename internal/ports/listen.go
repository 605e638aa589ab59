package ports

import "net"

// Listen listens on a TCP address that another listener is to have after this one is closed. To close one is not enough for
// that: a program that is being started at that moment has all that this process has open, until it runs.
func Listen(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	return &listener{l.(*net.TCPListener)}, nil
}

type listener struct{ *net.TCPListener }

// Close has the socket listen no more, whoever else has it, and closes it.
func (l *listener) Close() error {
	if raw, err := l.SyscallConn(); err == nil {
		_ = raw.Control(stopListening)
	}
	return l.TCPListener.Close()
}
