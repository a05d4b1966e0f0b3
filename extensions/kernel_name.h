// What uname(2) and its kin tell: another kernel, another host.
//
// Whatever tells the name says the same: uname, /proc/version, /proc/sys/kernel,
// the note in the vDSO, AT_HWCAP.  A guest that may (a promised UTS namespace, or
// a faked name) sets its host and domain name, and keeps what it set; each such
// namespace has its own.  Programs of 32 bits are told i686, as on such a machine.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "arch/result.h"
#include "engine/extension.h"

namespace nestp {

/// Fields of struct utsname, and AT_HWCAP; none: the real one.
struct KernelFields {
  std::optional<std::string> system, node, release, version, machine, domain;
  std::optional<std::uint64_t> capabilities;

  bool is_empty() const;
};

/// Value of -k: a release, or "\system\node\release\version\machine\domain\capabilities\",
/// the last one in hexadecimal.  An empty field, or one left out at the end, stays the real one.
Result<KernelFields> parse_kernel_fields(std::string_view text);

/// LINUX_VERSION_CODE of a release: 3.10.5-x is 0x030a05.
std::optional<std::uint32_t> version_code(std::string_view release);

class KernelName final : public Extension {
 public:
  /// `keeps_names`: every guest may set its host name, whatever the kernel would say.
  /// `is_strict`: calls that are newer than the release are missing.
  KernelName(KernelFields fields, bool keeps_names, bool is_strict = false);

  /// Whether a thread may administer the system (CAP_SYS_ADMIN), where somebody knows it better
  /// than the kernel; none: nobody does.
  using Privilege = std::function<std::optional<bool>(pid_t thread)>;
  void set_privilege(Privilege privilege) { privilege_ = std::move(privilege); }

  std::string_view name() const override { return "kernel-name"; }
  bool is_asked_for() const override { return !fields_.is_empty(); }
  SysSet entries() const override;
  SysSet exits() const override;
  SysSet refused() const override;
  Entry on_entry(Call& call) override;
  void on_exit(Call& call) override;
  std::vector<std::string_view> text_names() const override;
  bool on_text(pid_t reader, std::string_view host, std::optional<std::string>& text) override;
  void on_program_start(ProgramStart& start) override;
  void on_thread_start(pid_t thread, pid_t parent) override;
  void on_thread_end(pid_t thread) override;
  void on_thread_renamed(pid_t former, pid_t now) override;
  void on_namespaces(pid_t thread, std::uint64_t flags) override;

 private:
  /// Of one UTS namespace.
  struct Names {
    std::optional<std::string> node, domain;
    bool may_change = false;
    bool is_promised = false;  ///< made by the guest
  };

  Names& names_of(pid_t thread);
  std::string full_version(std::string_view of_host) const;

  KernelFields fields_;
  bool is_strict_;
  Privilege privilege_;
  std::shared_ptr<Names> first_;
  std::unordered_map<pid_t, std::shared_ptr<Names>> names_;
};

}  // namespace nestp
