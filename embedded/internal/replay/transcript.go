package replay

// This file holds transcripts: how they are written to a file and read from it, and how two are compared.

import (
	"fmt"
	"slices"
	"strings"
)

// Transcript is what a server answered to the requests of a script.
type Transcript []Exchange

// Exchange is a request, as the script has it, and what was answered.
type Exchange struct {
	Request string
	Differs string
	Text    string
}

const mark = "=== "

func (t Transcript) String() string {
	var b strings.Builder
	for i, e := range t {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s%s\n%s", mark, e.Request, e.Text)
	}
	return b.String()
}

// ParseTranscript reads what String wrote.
func ParseTranscript(text string) Transcript {
	var t Transcript
	for part := range strings.SplitSeq("\n"+text, "\n"+mark) {
		if part == "" {
			continue
		}
		request, rest, _ := strings.Cut(part, "\n")
		t = append(t, Exchange{Request: request, Text: strings.TrimRight(rest, "\n") + "\n"})
	}
	return t
}

// Compare tells where got is not what was wanted, one text for each request, but for those that are known to differ.
func Compare(want, got Transcript) []string {
	var all []string
	for i := range max(len(want), len(got)) {
		switch {
		case i >= len(got):
			return append(all, fmt.Sprintf("%s\nwas not sent: record the script again", want[i].Request))
		case i >= len(want):
			return append(all, fmt.Sprintf("%s\nis not in the recording: record the script again", got[i].Request))
		case want[i].Request != got[i].Request:
			return append(all, fmt.Sprintf("%s\nis %q in the recording: record the script again", got[i].Request, want[i].Request))
		case got[i].Differs == "" && strings.TrimRight(want[i].Text, "\n") != strings.TrimRight(got[i].Text, "\n"):
			all = append(all, fmt.Sprintf("request %d: %s\n%s", i+1, got[i].Request, diff(want[i].Text, got[i].Text)))
		}
	}
	return all
}

// around is how many equal lines are shown around those that differ.
const around = 2

// diff shows the lines of two texts that differ, - wanted and + got, with some around them.
func diff(want, got string) string {
	a, b := strings.Split(strings.TrimRight(want, "\n"), "\n"), strings.Split(strings.TrimRight(got, "\n"), "\n")
	lines := edits(a, b)
	near := func(i int) bool {
		for k := max(0, i-around); k <= min(len(lines)-1, i+around); k++ {
			if lines[k][0] != ' ' {
				return true
			}
		}
		return false
	}
	var out strings.Builder
	skipped := false
	for i, line := range lines {
		if !near(i) {
			skipped = true
			continue
		}
		if skipped {
			out.WriteString("  …\n")
			skipped = false
		}
		out.WriteString(line + "\n")
	}
	return out.String()
}

// edits gives the lines of both texts in order, each with a mark: " " in both, "-" in a alone, "+" in b alone.
func edits(a, b []string) []string {
	// common[i][k] is how many lines a[i:] and b[k:] have in common.
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for k := len(b) - 1; k >= 0; k-- {
			if a[i] == b[k] {
				common[i][k] = common[i+1][k+1] + 1
			} else {
				common[i][k] = max(common[i+1][k], common[i][k+1])
			}
		}
	}
	var lines []string
	i, k := 0, 0
	for i < len(a) || k < len(b) {
		switch {
		case i < len(a) && k < len(b) && a[i] == b[k]:
			lines = append(lines, "  "+a[i])
			i, k = i+1, k+1
		case k == len(b) || i < len(a) && common[i+1][k] >= common[i][k+1]:
			lines = append(lines, "- "+a[i])
			i++
		default:
			lines = append(lines, "+ "+b[k])
			k++
		}
	}
	return lines
}

// Whole is the transcript with nothing that is known to differ, as it is between two real servers.
func (t Transcript) Whole() Transcript {
	whole := slices.Clone(t)
	for i := range whole {
		whole[i].Differs = ""
	}
	return whole
}
