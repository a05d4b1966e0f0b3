// A cheap fake root for user namespaces that map one id: calls that give files or processes to
// other ids succeed and do nothing.
//
// Package managers are content with that; who looks afterwards sees the owner unchanged.
#pragma once

#include <cstdint>
#include <linux/filter.h>
#include <vector>

namespace nestp {

/// What succeeds without doing anything.
enum class Pretended : std::uint8_t {
  owners_and_devices,
  devices,  ///< where many ids are mapped, so that owners can be real
};

/// The filter as instructions, for all machines' calls that this kernel runs.
std::vector<sock_filter> owner_filter(Pretended what = Pretended::owners_and_devices);

/// Installs it for this thread and all that come from it; 0 or an errno.
int pretend_owners(Pretended what);

/// Installs a filter whose instructions are read from `descriptor`; 0 or an errno.
int install_filter_from(int descriptor);

}  // namespace nestp
