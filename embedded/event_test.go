package embedded_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestEventSizes has the limits that were measured on a real server, with events whose time had one byte in messages.
func TestEventSizes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, payload        int
		mostFilter, mostText int // with the first the message is as large as it may be, with the second the event
	}{
		{1, 0, 413, 443}, {1, 10, 399, 429}, {1, 255, 155, 185}, {1, 256, 153, 183}, {1, 300, 109, 139},
		{18, 200, 176, 206}, {19, 200, 172, 204}, {31, 0, 351, 383}, {32, 0, 348, 380}, {60, 255, 34, 66},
	} {
		t.Run(fmt.Sprint(test), func(t *testing.T) {
			t.Parallel()
			s := start(t)
			fire := func(filter int) answer {
				path := "/v1/event/fire/" + strings.Repeat("n", test.name) + "?node=" + strings.Repeat("x", filter)
				return ask(t, s, "PUT", path, strings.Repeat("p", test.payload))
			}
			if a := fire(test.mostFilter); a.status != http.StatusOK {
				t.Errorf("a filter of %d bytes: %+v", test.mostFilter, a)
			}
			for _, filter := range []int{test.mostFilter + 1, test.mostText} {
				if a := fire(filter); a.status != http.StatusInternalServerError || !strings.HasSuffix(a.body, "after encoding") {
					t.Errorf("a filter of %d bytes: %+v", filter, a)
				}
			}
			if a := fire(test.mostText + 1); a.status != http.StatusInternalServerError || !strings.HasSuffix(a.body, "before encoding") {
				t.Errorf("a filter of %d bytes: %+v", test.mostText+1, a)
			}
		})
	}
}
