//! Every kind of background work and every schedule. One line per thing.
