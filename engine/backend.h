// A way to run a guest.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arch/result.h"
#include "engine/extension.h"
#include "engine/guest.h"

namespace nestp {

/// How the guest's first process ended; as waitid(2) tells it.
struct ExitStatus {
  bool by_signal = false;
  int code = 0;  ///< exit code, or signal number
};

/// Why a guest's first program could not be started, for nestp's exit code.
enum class StartFailure : std::uint8_t {
  general,         ///< 125
  not_executable,  ///< 126
  not_found,       ///< 127
};

/// What `run` gives when the guest never started: one sentence and its kind.
struct StartError {
  Error error;
  StartFailure failure = StartFailure::general;
};

class Backend {
 public:
  virtual ~Backend() = default;

  virtual std::string_view name() const = 0;

  /// Every promise of `guest` this backend cannot keep here and now, a sentence
  /// each; empty if it can run it.  Asks the kernel, changes nothing.
  virtual std::vector<std::string> refusals(const Guest& guest) const = 0;

  /// Whether it stops calls, so that extensions can see them.
  virtual bool serves_extensions() const { return false; }

  /// Runs the guest to its end.  A StartError means it never started.
  /// Precondition: refusals(guest) is empty.
  virtual Outcome<ExitStatus, StartError> run(
      const Guest& guest, std::span<const std::unique_ptr<Extension>> extensions) = 0;
};

/// Whether the ptrace backend can have path calls answered inside guests on this processor.
bool processor_has_fast_path();

/// Every backend this build has, in the order --backend=auto tries them.
std::vector<std::unique_ptr<Backend>> all_backends();

}  // namespace nestp
