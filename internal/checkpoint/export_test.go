package checkpoint

// For the test that knows nodes, which this package does not.
var (
	Rules  = rules
	NameOf = nameOf
)

const (
	Surroundings = surroundings
	Spare        = spare
	Swapped      = swapped
	WithCapacity = withCapacity
)
