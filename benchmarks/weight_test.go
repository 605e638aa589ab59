package benchmarks

// This file weighs the clients: how many packages of others they link into a program that reads a key.

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// ownModules are those of the clients themselves.
var ownModules = map[string]bool{
	"github.com/lictor-go/consul":            true,
	"github.com/lictor-go/consul/benchmarks": true,
	"github.com/hashicorp/consul/api":        true,
}

// BenchmarkWeight counts the packages that are neither the standard library's nor the client's own.
func BenchmarkWeight(b *testing.B) {
	for _, client := range []string{bareName, incumbentName, thisName} {
		b.Run("client="+client, func(b *testing.B) {
			packages, err := thirdParty(b.Context(), client)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(len(packages)), "packages")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// thirdParty lists the packages of others that the program of a client links.
func thirdParty(ctx context.Context, client string) ([]string, error) {
	const format = "{{if not .Standard}}{{.ImportPath}} {{.Module.Path}}{{end}}"
	out, err := exec.CommandContext(ctx, "go", "list", "-deps", "-f", format, "./weight/"+client).Output()
	if err != nil {
		return nil, fmt.Errorf("go list of weight/%s: %w", client, err)
	}
	var packages []string
	for line := range strings.Lines(string(out)) {
		path, module, _ := strings.Cut(strings.TrimSpace(line), " ")
		if !ownModules[module] {
			packages = append(packages, path)
		}
	}
	return packages, nil
}
