// CHECK(condition) << facts: nestp's own invariants, tested in release builds too.
//
// A broken one prints where, what and the facts, lets the engine stop its guests
// (the hook), and leaves with status 70.  Never for what a guest or a person
// did: those are SysResult and Result.  Include it from .cc files only: Catch2
// has a macro of the same name.
#pragma once

#include <functional>
#include <sstream>

#include "engine/log.h"

namespace nestp {

inline constexpr int kCheckExitStatus = 70;  // EX_SOFTWARE of sysexits.h

/// Called once, between the message and the exit; a CHECK that fails inside it
/// does not call it again.
void set_check_hook(std::function<void()> hook);

namespace detail {

class CheckFailure {
 public:
  CheckFailure(const char* file, int line, const char* condition);
  CheckFailure(const CheckFailure&) = delete;
  CheckFailure& operator=(const CheckFailure&) = delete;
  [[noreturn]] ~CheckFailure();
  std::ostream& stream() { return text_; }

 private:
  std::ostringstream text_;
};

}  // namespace detail

#define CHECK(condition)                     \
  (condition) ? (void)0                      \
              : ::nestp::detail::Discard() & \
                    ::nestp::detail::CheckFailure(__FILE__, __LINE__, #condition).stream()

}  // namespace nestp
