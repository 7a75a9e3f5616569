// Command waybill is Git-native MLOps: see "waybill --help".
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/waybill-dev/waybill/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(cli.Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
