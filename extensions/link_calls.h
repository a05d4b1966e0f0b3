// link(2) by symbolic links, and what becomes of them when names are removed or
// moved (-l): see extensions/link_store.h.
//
// Every link(2) is made so, as by PRoot: a tree that was made with -l can be copied to
// a file system that has no hard links.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>

#include "engine/extension.h"
#include "extensions/link_store.h"

namespace nestp {

class LinkCalls final : public Extension {
 public:
  std::string_view name() const override { return "-l"; }
  SysSet objects() const override;
  Entry on_objects(Call& call) override;
  void on_exit(Call& call) override;
  void on_thread_end(pid_t thread) override { under_way_.erase(thread); }

 private:
  /// What is to be done once the call has succeeded.
  struct UnderWay {
    std::optional<StoredFile> released;
    std::string first{};   ///< a place that may hold a name that was moved; empty: none
    std::string second{};  ///< likewise
  };
  Entry link(Call& call);
  Entry rename(Call& call);
  void mend(const std::string& place);

  LinkStore store_;
  std::unordered_map<pid_t, UnderWay> under_way_;
};

}  // namespace nestp
