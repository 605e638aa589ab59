package blake2b_test

import (
	"encoding/hex"
	"testing"

	"github.com/lictor-go/consul/embedded/internal/blake2b"
)

// The sums are those of golang.org/x/crypto/blake2b, of lengths around the ends of blocks.
func TestSum256(t *testing.T) {
	t.Parallel()
	data := make([]byte, 300)
	for i := range data {
		data[i] = byte(i * 7)
	}
	for length, want := range map[int]string{
		0:   "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8",
		3:   "b316f3683ac87007461037a8ff6547de35618800044bb3a4e98b3560c92c3794",
		128: "14696d2a98d9f8a280da8b132b1045b345e1033759c6b02fcc4ee885c8ae7c37",
		129: "3934215260b1039be9d9d2b073b059bcd50120c327a22af93eb4d98cf821c14c",
		300: "91ccce0ba9e15867934e70e07d8d4af1270ec75748be56a3f48f5bc8b6c3967d",
	} {
		if sum := blake2b.Sum256(data[:length]); hex.EncodeToString(sum[:]) != want {
			t.Errorf("the sum of %d bytes is %x, want %s", length, sum, want)
		}
	}
}
