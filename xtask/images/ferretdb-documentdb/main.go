// FerretDB 2, on port 27017, in front of the PostgreSQL with DocumentDB that the entry point has started.
//
// FerretDB's own program cannot be built from the published module: the module lacks the version file that this
// program insists on. The package for embedding needs none.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/FerretDB/FerretDB/v2/ferretdb"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	telemetry := false
	server, err := ferretdb.New(&ferretdb.Config{
		PostgreSQLURL: "postgres://postgres@127.0.0.1:5432/postgres",
		ListenAddr:    ":27017",
		StateDir:      ".",
		LogLevel:      slog.LevelWarn,
		LogOutput:     os.Stderr,
		Telemetry:     &telemetry,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("FerretDB is waiting for connections on port 27017")
	server.Run(ctx)
}
