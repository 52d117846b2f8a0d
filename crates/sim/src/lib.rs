//! A seeded network and a virtual clock around whole systems of pure cores.
