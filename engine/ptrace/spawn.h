// Starting the guest's first process.
#pragma once

#include <linux/filter.h>
#include <memory>
#include <span>
#include <string>
#include <sys/types.h>

#include "arch/result.h"
#include "engine/guest.h"
#include "engine/ptrace/exec/images.h"
#include "engine/ptrace/exec/plan.h"

namespace nestp {

/// What the child reads until its exec: it shares the tracer's memory so long, as a copy of that
/// would cost more than all the rest of its start.
struct StartMemory;

struct Spawned {
  pid_t id = 0;
  std::shared_ptr<const StartMemory> memory;  ///< to be kept until the child has executed or ended
  UniqueFd report;  ///< readable once the child has failed before its exec: see failure_text()
};

/// Why the child never executed the loader; empty if it did.
std::string failure_text(const UniqueFd& report);

/// Makes a child that waits to be seized, seizes it, and lets it install `filter`
/// and execute the loader; its first stop is still to come.
/// `directory`: host path of its working directory.  `filter` is to be kept like the memory.
Result<Spawned> spawn(const Guest& guest, const ExecPlan& plan, const LoaderImages& images,
                      const std::string& directory, std::span<const sock_filter> filter);

}  // namespace nestp
