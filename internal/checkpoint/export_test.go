package checkpoint

// For the test that knows nodes, which this package does not.
var Rules = rules

const (
	Surroundings = surroundings
	Spare        = spare
	Swapped      = swapped
	WithCapacity = withCapacity
)
