// Programs of another processor, run by a user-mode emulator.
//
// The program's ELF header tells the machine; -q names the emulator, else one is
// looked for.  The guest sees nothing of it: /proc/PID/exe is the program, its
// dynamic linker's variables reach it and not the emulator, /proc/cpuinfo is of its
// processor.  Programs of this machine run natively beside it.
#pragma once

#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/extension.h"
#include "extensions/emulator_search.h"

namespace nestp {

/// Where a dynamically linked emulator finds the host's files.
inline constexpr std::string_view kHostRoot = "/host-rootfs";

struct EmulatorSettings {
  std::vector<std::string> command{};  ///< -q: emulator and its options; empty: looked for
  bool is_mixed = true;                ///< programs of this machine run natively
};

class Emulator final : public Extension {
 public:
  Emulator(EmulatorSettings settings, EmulatorSearch search);

  /// Who runs programs of `machine`; null: nobody.
  const FoundEmulator* emulator_of(const Machine& machine);
  /// Name given to -q; empty: none.
  std::string wanted() const { return settings_.command.empty() ? "" : settings_.command.front(); }
  /// The emulator of that name; null: there is none.
  const FoundEmulator* named() const { return named_ ? &*named_ : nullptr; }

  std::string_view name() const override { return "emulator"; }
  bool is_asked_for() const override { return named_.has_value() || is_needed_; }
  std::optional<Emulation> on_program_file(const ProgramFile& program) override;
  void on_program_start(ProgramStart& start) override;
  std::vector<std::string_view> text_names() const override { return {"cpuinfo"}; }
  bool on_text(pid_t reader, std::string_view host, std::optional<std::string>& text) override;
  void on_thread_start(pid_t thread, pid_t parent) override;
  void on_thread_end(pid_t thread) override { machines_.erase(thread); }
  void on_thread_renamed(pid_t former, pid_t now) override;

 private:
  EmulatorSettings settings_;
  EmulatorSearch search_;
  std::optional<FoundEmulator> named_;  ///< by -q
  bool is_needed_ = false;              ///< a foreign program was seen
  std::set<Machine> reported_;
  std::unordered_map<pid_t, std::uint16_t> machines_;  ///< EM_* of foreign threads
};

}  // namespace nestp
