// The size of a symbolic link is the length of what readlink(2) shows of it.
//
// That is so for every link on a file system; for those of /proc the kernel says
// 0 or 64, and the text that the guest reads may be another than the host's.
#pragma once

#include <unordered_map>

#include "engine/extension.h"

namespace nestp {

class LinkSizes final : public Extension {
 public:
  std::string_view name() const override { return "-L"; }
  SysSet objects() const override;
  Entry on_objects(Call& call) override;
  void on_exit(Call& call) override;
  void on_thread_end(pid_t thread) override { sizes_.erase(thread); }

 private:
  std::unordered_map<pid_t, std::uint64_t> sizes_;  ///< of the link that is looked at
};

}  // namespace nestp
