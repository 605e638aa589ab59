package embedded_test

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-go/consul/embedded"
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

// event is what the tests look at of one.
type event struct {
	ID, Name string
	LTime    uint64
}

// listEvents gives the events that a request lists, and the index that it says.
func listEvents(t *testing.T, s *embedded.Server, query string) ([]event, uint64) {
	t.Helper()
	a := ask(t, s, "GET", "/v1/event/list"+query, "")
	var list []event
	if err := json.Unmarshal([]byte(a.body), &list); err != nil {
		t.Fatalf("%+v: %v", a, err)
	}
	index, err := strconv.ParseUint(a.header.Get("X-Consul-Index"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return list, index
}

func TestLatestEventsAreKept(t *testing.T) {
	t.Parallel()
	const fired, kept = 300, 256
	s := start(t)
	for i := range fired {
		ask(t, s, "PUT", "/v1/event/fire/n"+strconv.Itoa(i), "")
	}
	list, _ := listEvents(t, s, "")
	if len(list) != kept {
		t.Fatalf("%d events are kept, want %d", len(list), kept)
	}
	for i, e := range list {
		n := fired - kept + i
		if e.Name != "n"+strconv.Itoa(n) || e.LTime != uint64(n)+2 {
			t.Fatalf("event %d is %+v", i, e)
		}
	}
}

// TestEventIndex has the index be made of the ID of the last event that is listed.
func TestEventIndex(t *testing.T) {
	t.Parallel()
	s := start(t)
	if _, index := listEvents(t, s, ""); index != 1 {
		t.Errorf("without an event the index is %d", index)
	}
	for _, name := range []string{"a", "b"} {
		ask(t, s, "PUT", "/v1/event/fire/"+name, "")
	}
	for _, query := range []string{"", "?name=a", "?name=b"} {
		list, index := listEvents(t, s, query)
		id, err := hex.DecodeString(strings.ReplaceAll(list[len(list)-1].ID, "-", ""))
		if err != nil {
			t.Fatal(err)
		}
		if want := binary.BigEndian.Uint64(id[:8]) ^ binary.BigEndian.Uint64(id[8:]); index != want {
			t.Errorf("%q: the index is %d, want %d of %s", query, index, want, list[len(list)-1].ID)
		}
	}
}

func TestEventWakesThoseWhoWaitForIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		ask(t, s, "PUT", "/v1/event/fire/a", "")
		_, index := listEvents(t, s, "?name=a")
		begin := time.Now()
		took := make(chan time.Duration)
		go func() {
			list, _ := listEvents(t, s, "?name=a&index="+strconv.FormatUint(index, 10))
			if len(list) != 2 {
				t.Errorf("it was answered with %+v", list)
			}
			took <- time.Since(begin)
		}()
		for _, name := range []string{"b", "a"} { // the first of which is another's
			time.Sleep(time.Minute)
			ask(t, s, "PUT", "/v1/event/fire/"+name, "")
		}
		if took := <-took; took != 2*time.Minute {
			t.Errorf("it was answered after %v", took)
		}
		_, index = listEvents(t, s, "")
		begin = time.Now()
		listEvents(t, s, "?index="+strconv.FormatUint(index, 10))
		if took := time.Since(begin); took != 10*time.Minute {
			t.Errorf("without an event it was answered after %v", took)
		}
	})
}
