// Files that nestp needs outside the root file system, for as long as it runs.
//
// Made at first use, in the first of $XDG_RUNTIME_DIR, $TMPDIR, /dev/shm and
// /tmp that takes it; removed at the end.  A directory left behind by a killed
// run is removed by a later one: an flock(2) on it tells whether it is in use.
#pragma once

#include <string>
#include <sys/types.h>
#include <vector>

#include "arch/result.h"
#include "fs/fd.h"
#include "fs/path.h"

namespace nestp {

class SessionDirectory {
 public:
  /// `parents`: where it may be made, the best first; empty: as said above.
  explicit SessionDirectory(std::vector<std::string> parents = {});
  /// Removes it with all that is in it, if this process owns it.
  ~SessionDirectory();
  SessionDirectory(const SessionDirectory&) = delete;
  SessionDirectory& operator=(const SessionDirectory&) = delete;

  /// The directory itself; made if it is not there yet.
  Result<HostPath> path();
  bool is_made() const { return !path_.empty(); }
  /// True for a host path in it.
  bool contains(const HostPath& host) const;

  /// A new empty directory in it.
  Result<HostPath> make_directory(mode_t mode);
  /// A new empty file in it.
  Result<HostPath> make_file(mode_t mode);

  /// For a fork(2) whose child goes on with the session: from now on the caller removes it.
  void take_over();

 private:
  Result<HostPath> make_in(const std::string& parent);
  std::string next_name();

  std::vector<std::string> parents_;
  std::string path_;  ///< empty: not made yet
  UniqueFd lock_;     ///< inherited by forks, not by programs
  pid_t owner_ = 0;
  unsigned count_ = 0;
};

/// Removes a file or directory and all below it, following no links; what
/// cannot be removed stays.
void remove_tree(int directory, const std::string& name);

}  // namespace nestp
