// Command serve runs distribution v3 in a folder, for scripts/bench-transfer:
//
//	serve DIR
//
// Its first line has the addresses of the registry and of a link to it, which
// counts and breaks connections. Then it reads commands: "count" answers with
// the bytes that went over the link to and from the registry and the uploads
// begun, since the last count; "cut N" breaks the link once, after N bytes.
package main

import (
	"bufio"
	"fmt"
	"os"

	"github.com/waybill-dev/waybill/test/distribution/server"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: serve DIR")
		os.Exit(2)
	}
	registry := server.Start(os.Args[1])
	link, err := server.NewLink(registry.Addr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "serve:", err)
		os.Exit(1)
	}
	fmt.Println(registry.Addr, link.Addr)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var n int64
		switch count, _ := fmt.Sscanf(in.Text(), "cut %d", &n); {
		case count == 1:
			link.CutAfter(n, false)
			fmt.Println("ok")
		case in.Text() == "count":
			up, down := link.Count()
			fmt.Println(up, down, registry.Uploads())
		default:
			fmt.Println("no such command")
		}
	}
}
