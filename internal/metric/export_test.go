package metric

// Shown is how many metrics a report shows of a task.
func Shown(task Task) int { return len(shown[task]) }

var Descending = descending
