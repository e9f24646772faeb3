"""One channel to many subscribers: the ring, the subscriber table and the kernels over them. Pure."""
