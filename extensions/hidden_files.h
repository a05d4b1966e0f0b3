// Files whose names start with one of some prefixes do not exist for the guest: they are
// in no listing, no path leads to them or may make one, and a directory's count of
// links leaves out hidden subdirectories.
//
// A directory that holds nothing else still cannot be removed: that is the kernel's to say.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "engine/extension.h"

namespace nestp {

class HiddenFiles final : public Extension {
 public:
  explicit HiddenFiles(std::vector<std::string> prefixes) : prefixes_(std::move(prefixes)) {}

  std::string_view name() const override { return "-H"; }
  SysSet entries() const override;
  SysSet exits() const override;
  SysSet objects() const override;
  Entry on_entry(Call& call) override;
  Entry on_objects(Call& call) override;
  void on_exit(Call& call) override;
  void on_thread_end(pid_t thread) override { looked_at_.erase(thread); }

 private:
  bool is_hidden(std::string_view name) const;
  bool leads_to_hidden(std::string_view path) const;
  std::uint64_t count_hidden_directories(const std::string& host) const;

  std::vector<std::string> prefixes_;
  std::unordered_map<pid_t, std::string> looked_at_;  ///< by the stat(2) under way
};

}  // namespace nestp
