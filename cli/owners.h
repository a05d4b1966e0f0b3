// nestp owners: what -0 remembers of a root file system, as a list for other programs.
#pragma once

#include <span>
#include <string>

namespace nestp {

/// The words behind "nestp owners"; gives the exit status.
int run_owners(std::span<const std::string> words);

}  // namespace nestp
