package embedded

// Version is the version of Consul that the server behaves as, and says that it is.
const Version = "1.22.7"
