"""The ground floor: sequence arithmetic, addresses, errors and the datagram batch. Pure."""
