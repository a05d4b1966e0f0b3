// Stand-ins for files of /proc that the host lets nobody read, as Android does:
// stat, loadavg, uptime, vmstat and version, told as far as other calls tell it.
//
// A file that can be read is never touched.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/extension.h"

namespace nestp {

class FakeProc final : public Extension {
 public:
  /// `names`: of the files that cannot be read.
  explicit FakeProc(std::vector<std::string_view> names) : names_(std::move(names)) {}

  /// Those of the five that cannot be read here.
  static std::vector<std::string_view> unreadable();

  std::string_view name() const override { return "--fake-proc"; }
  std::vector<std::string_view> text_names() const override { return names_; }
  bool on_text(pid_t reader, std::string_view host, std::optional<std::string>& text) override;

 private:
  std::vector<std::string_view> names_;
};

}  // namespace nestp
