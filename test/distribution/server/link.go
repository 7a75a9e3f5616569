package server

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// Link is the network between waybill and a registry: a TCP proxy that counts
// and breaks connections.
type Link struct {
	Addr string

	listener net.Listener
	registry string
	up, down atomic.Int64 // bytes to and from the registry

	mu    sync.Mutex
	cut   int64 // bytes until a connection to the registry breaks; -1: never
	stays bool  // broken, for all connections
}

// NewLink leads to the registry at that address.
func NewLink(registry string) (*Link, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &Link{Addr: listener.Addr().String(), listener: listener, registry: registry, cut: -1}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go l.carry(client.(*net.TCPConn))
		}
	}()
	return l, nil
}

// Close takes no more connections.
func (l *Link) Close() { l.listener.Close() }

// CutAfter resets the connection that carries the n-th byte to the registry
// from now on. With stays it resets all later ones as well, until Mend.
func (l *Link) CutAfter(n int64, stays bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut, l.stays = n, stays
}

// Mend ends what CutAfter began.
func (l *Link) Mend() { l.CutAfter(-1, false) }

// Count returns the bytes to and from the registry since it was called last.
func (l *Link) Count() (up, down int64) { return l.up.Swap(0), l.down.Swap(0) }

// allow returns how many of n bytes may still pass.
func (l *Link) allow(n int) (int, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut < 0 {
		return n, true
	}
	if l.cut > int64(n) {
		l.cut -= int64(n)
		return n, true
	}
	n = int(l.cut)
	if l.cut = -1; l.stays {
		l.cut = 0
	}
	return n, false
}

func (l *Link) carry(client *net.TCPConn) {
	defer client.Close()
	conn, err := net.Dial("tcp", l.registry)
	if err != nil {
		return
	}
	server := conn.(*net.TCPConn)
	defer server.Close()
	go func() {
		io.Copy(countingWriter{client, &l.down}, server)
		client.CloseWrite()
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := client.Read(buf)
		pass, whole := l.allow(n)
		l.up.Add(int64(pass))
		if _, werr := server.Write(buf[:pass]); werr != nil || err != nil {
			server.CloseWrite()
			return
		}
		if !whole {
			client.SetLinger(0) // the client sees a reset, the registry an end
			return
		}
	}
}

type countingWriter struct {
	io.Writer
	n *atomic.Int64
}

func (w countingWriter) Write(p []byte) (int, error) {
	w.n.Add(int64(len(p)))
	return w.Writer.Write(p)
}
