// Programs of the host for a session: who serves `host-run` (cli/inside/host_run.cc).
#pragma once

#include <memory>
#include <string>
#include <sys/types.h>
#include <vector>

#include "arch/result.h"
#include "fs/session_directory.h"

namespace nestp::environment {

/// Where the session finds them.
constexpr const char* kHostProgramsPlace = "/run/nestp";

/// A process beside the session that starts what the session asks for; ends with this object.
class HostPrograms {
 public:
  static Result<std::unique_ptr<HostPrograms>> start();
  ~HostPrograms();
  HostPrograms(const HostPrograms&) = delete;
  HostPrograms& operator=(const HostPrograms&) = delete;

  /// Options of nestp by which the session finds it.
  std::vector<std::string> words() const;

 private:
  HostPrograms() = default;

  SessionDirectory session_;
  std::string directory_;
  pid_t server_ = 0;
};

}  // namespace nestp::environment
