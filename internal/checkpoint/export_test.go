package checkpoint

// Written is for the test that knows nodes, which this package does not.
var Written = written
