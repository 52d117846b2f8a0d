//! Plain data shared by all: identifiers, directory, permissions, configuration keys, statuses.
