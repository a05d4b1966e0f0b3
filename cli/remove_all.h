// Removal of trees with files of several owners.
#pragma once

#include <string>

namespace nestp {

/// Removes `path` and all below it: as oneself, and what is left as root of a user namespace, whose
/// files those of one's ids in /etc/subuid are.  False if something is left all the same.
bool remove_all(const std::string& path);

}  // namespace nestp
