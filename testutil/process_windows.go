package testutil

// This file says what Windows has no signals for.

import (
	"errors"
	"fmt"
	"os"
)

func suspend(*os.Process) error {
	return fmt.Errorf("suspend a process on windows: %w", errors.ErrUnsupported)
}

func resume(*os.Process) error {
	return fmt.Errorf("continue a process on windows: %w", errors.ErrUnsupported)
}

func interrupt(*os.Process) error {
	return fmt.Errorf("interrupt a process on windows: %w", errors.ErrUnsupported)
}
