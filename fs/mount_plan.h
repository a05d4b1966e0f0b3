// From what the user asked to be bound to the View that shows it.
//
// Host paths are taken as the host sees them now, guest paths as the guest will.
// A mount point that the tree below lacks is never made there: it is merged
// into the listing of its parent, or, if that is missing too, stands in a
// read-only placeholder directory of the session.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "arch/result.h"
#include "fs/path.h"
#include "fs/session_directory.h"
#include "fs/view.h"

namespace nestp {

/// One wish of the command line, both paths as typed.
struct BindingRequest {
  std::string host{};   ///< not used for tmpfs
  std::string guest{};  ///< empty: at the same path as on the host; "/": the root
  bool read_only = false;
  bool keep_last_link = false;  ///< a symlink at `guest` is covered, not followed
  bool tmpfs = false;
  bool optional = false;  ///< a missing host path is a warning
};

/// Precondition: one request is for "/".  Later requests win over equal ones.
/// `session`: gets placeholders and tmpfs directories, and must outlive the view.
Result<std::shared_ptr<const View>> make_view(const std::vector<BindingRequest>& requests,
                                              SessionDirectory& session,
                                              std::vector<std::string>& warnings);

/// One act of a backend that lets the kernel mount.
struct MountStep {
  enum class Kind : std::uint8_t {
    make_directory,     ///< an empty directory to mount on
    make_file,          ///< an empty file to mount on
    bind,               ///< `host` at `guest`, with the mounts below it
    remount_read_only,  ///< `guest`
  };
  Kind kind;
  HostPath host;
  GuestPath guest;
  friend bool operator==(const MountStep&, const MountStep&) = default;
};

/// The view as acts in the order they must be made: outer mounts first.
std::vector<MountStep> mount_steps(const View& view);

}  // namespace nestp
