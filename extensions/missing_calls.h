// Calls that the host's kernel lacks and the guest's does not: made of older ones.
//
// Which those are is tried at the start.  Only where -k names a release that has
// them: a guest that knows the real one uses its own way round.  A call that takes
// several older ones is repeated by the guest, each time as the next of them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "engine/extension.h"
#include "extensions/call_substitutes.h"

namespace nestp {

class MissingCalls final : public Extension {
 public:
  /// `missing`: calls that the host lacks and the guest is to have.
  MissingCalls(SysSet missing, std::unique_ptr<ThreadFacts> facts);

  /// Of calls that can be substituted, those up to `release` (LINUX_VERSION_CODE) that the kernel
  /// of this process answers with ENOSYS.
  static SysSet missing_here(std::uint32_t release);
  /// Facts from /proc.
  static std::unique_ptr<ThreadFacts> real_facts();

  std::string_view name() const override { return "missing-calls"; }
  SysSet entries() const override;
  SysSet objects() const override;
  Entry on_entry(Call& call) override;
  Entry on_objects(Call& call) override;
  void on_exit(Call& call) override;
  void on_thread_end(pid_t thread) override { under_way_.erase(thread); }

 private:
  /// A call of several older ones.
  struct UnderWay {
    Sys sys;
    std::array<std::uint64_t, 6> args;
    Substitute substitute;
    std::size_t next = 0;
    std::int64_t first_result = 0;
  };

  Entry make_next(Call& call, UnderWay& state);

  SysSet missing_;
  std::unique_ptr<ThreadFacts> facts_;
  std::unordered_map<pid_t, UnderWay> under_way_;
};

}  // namespace nestp
