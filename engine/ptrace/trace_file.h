// --trace: one line for each path of each call, as the guest wrote it and as the kernel got it.
#pragma once

#include <string>
#include <string_view>
#include <sys/types.h>

#include "arch/result.h"
#include "arch/sysno.h"
#include "fs/fd.h"

namespace nestp {

class TraceFile {
 public:
  /// `name`: a path of the host, or "-" for standard error.
  static Result<TraceFile> open(const std::string& name);

  /// `host` empty: the call was answered without the kernel.
  void line(pid_t thread, Sys sys, std::string_view guest, std::string_view host) const;

 private:
  UniqueFd file_;
};

}  // namespace nestp
