package replay

// This file reads answers and writes them down.

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// answer is what a server answered to one request.
type answer struct {
	status int
	header http.Header
	body   []byte
	// notes are said of the answer in the transcript.
	notes []string
}

func readAnswer(response *http.Response) (*answer, error) {
	a := &answer{status: response.StatusCode, header: response.Header}
	var body io.Reader = response.Body
	if response.Header.Get("Content-Encoding") == "gzip" {
		compressed, err := gzip.NewReader(body)
		if err != nil {
			return nil, err
		}
		body = compressed
	}
	var err error
	a.body, err = io.ReadAll(body)
	return a, err
}

// readRaw reads what a server answers to bytes that may be no request.
func readRaw(conn io.Reader) (*answer, error) {
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &answer{notes: []string{"(the connection was closed)"}}, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	return readAnswer(response)
}

// uncompared are the headers that are not written down: the time, and what is of the connection.
var uncompared = []string{"Date", "Content-Length", "Connection"}

// render writes the answer down, as sent but for what the step has put in order or picked out.
func (a *answer) render(step *Step) string {
	var b strings.Builder
	for _, note := range a.notes {
		fmt.Fprintln(&b, note)
	}
	if a.status != 0 {
		fmt.Fprintf(&b, "%d\n", a.status)
	}
	for _, name := range slices.Sorted(maps.Keys(a.header)) {
		if slices.Contains(uncompared, name) {
			continue
		}
		for _, value := range a.header[name] {
			if name == "Age" {
				value = "<age>"
			}
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	if len(a.body) > 0 {
		b.WriteString(a.renderBody(step))
	}
	return b.String()
}

func (a *answer) renderBody(step *Step) string {
	if !json.Valid(a.body) || !strings.HasPrefix(a.header.Get("Content-Type"), "application/json") {
		return "text: " + quote(a.body) + "\n"
	}
	body := a.body
	for _, s := range step.sorts {
		body = s.apply(body)
	}
	if len(step.show) > 0 {
		return "json, in part:\n" + show(body, step.show)
	}
	return "json, " + form(a.body) + ":\n" + indent(body) + "\n"
}

// longText is from where on a text is not written down in full.
const longText = 2000

func quote(text []byte) string {
	if len(text) <= longText {
		return strconv.Quote(string(text))
	}
	return fmt.Sprintf("%q… (%d bytes, CRC-32 %08x)", text[:40], len(text), crc32.ChecksumIEEE(text))
}

// form says how JSON is laid out.
func form(text []byte) string {
	trimmed := bytes.TrimSuffix(text, []byte("\n"))
	end := ""
	if len(trimmed) < len(text) {
		end = " with a newline"
	}
	var compact bytes.Buffer
	if json.Compact(&compact, trimmed) == nil && bytes.Equal(compact.Bytes(), trimmed) {
		return "compact" + end
	}
	var pretty bytes.Buffer
	if json.Indent(&pretty, compact.Bytes(), "", "    ") == nil && bytes.Equal(pretty.Bytes(), trimmed) {
		return "indented by 4" + end
	}
	return "of another layout" + end
}

func indent(text []byte) string {
	var b bytes.Buffer
	if err := json.Indent(&b, bytes.TrimSpace(text), "", "  "); err != nil {
		return string(text) // not reached: it was valid
	}
	return b.String()
}

// find gives the part of the answer that a capture names.
func (a *answer) find(from string) (string, error) {
	if name, ok := strings.CutPrefix(from, "header "); ok {
		if value := a.header.Get(name); value != "" {
			return value, nil
		}
		return "", fmt.Errorf("the answer has no header %s", name)
	}
	raw := []byte(a.body)
	if from != "body" {
		found := pick(raw, strings.Split(from, "."))
		if found == nil {
			return "", fmt.Errorf("the answer has no %s", from)
		}
		raw = found
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text, nil
	}
	return string(raw), nil
}
