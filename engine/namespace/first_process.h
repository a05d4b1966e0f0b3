// What happens in the namespaces: the process that builds the guest's tree, starts its first
// program, reaps, and tells how it ended.
#pragma once

#include "engine/backend.h"
#include "engine/guest.h"
#include "fs/fd.h"

namespace nestp {

/// What comes through the pipe to nestp.
struct InnerReport {
  enum class Kind : int { failed, started, ended };
  Kind kind = Kind::failed;
  int value = 0;        ///< ended: status as of waitpid(2); failed: a StartFailure
  char text[500] = {};  ///< failed: the sentence
};

/// How the guest is set apart, for the process inside.
struct InnerPlan {
  const Guest& guest;
  bool user_namespace = false;
  bool has_many_ids = false;  ///< in the user namespace; known once `go` has a byte
  bool mounts = true;         ///< false: plain chroot(2), no namespace at all
  UniqueFd go;                ///< a byte comes when the id maps are written
  UniqueFd report;
};

/// In the new process; never returns.
[[noreturn]] void run_inner(InnerPlan plan);

}  // namespace nestp
