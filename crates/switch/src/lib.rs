//! The zone core: registrar, call legs, page bridges, permissions, admission.
