// Files of /proc/PID as a guest must read them: its own names, and no nestp.
//
// Pure functions of the text that the host gives.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <sys/types.h>

#include "fs/path.h"
#include "fs/proc_links.h"
#include "fs/view.h"

namespace nestp {

/// A piece of a guest's memory that is nestp's own.
struct AddressRange {
  std::uint64_t begin;
  std::uint64_t end;  ///< first byte behind it
};

/// The file that nestp made a copy of for guests to map; `name`: the copy's, as the kernel shows
/// it, without " (deleted)".  None: it is no such copy.
std::optional<std::string> copied_file(std::string_view name);

/// Text of maps, smaps or numa_maps, as `format` says: mappings that start in
/// `hidden` are left out, files have the names that a thread with root
/// directory `root` knows.  A file the guest cannot see keeps its host name.
std::string guest_maps(ProcText format, std::string_view host_text, const View& view,
                       const GuestPath& root, std::span<const AddressRange> hidden);

/// What /proc/PID/status would say if nestp were not there.
struct GuestStatus {
  char state = 0;    ///< T or R, in the place of t; 0: that is right
  pid_t tracer = 0;  ///< a guest's debugger; 0: none
  bool no_new_privs = false;
  unsigned seccomp_mode = 0;     ///< 0 off, 1 strict, 2 filter
  unsigned seccomp_filters = 0;  ///< the guest's own
};

std::string guest_status(std::string_view host_text, const GuestStatus& status);

/// /proc/PID/stat, with GuestStatus's state; none: the host's is right.
std::optional<std::string> guest_stat(std::string_view host_text, char state);

}  // namespace nestp
