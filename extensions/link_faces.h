// What the names of a file with emulated hard links look like: as hard links do (-l).
//
// Calls that do not follow links act on the file, stat(2) and its kin count its names,
// listings show files and leave out the store.  Making and removing names is for
// extensions/link_calls.h.
#pragma once

#include <unordered_map>

#include "engine/extension.h"
#include "extensions/stored_file.h"

namespace nestp {

class LinkFaces final : public Extension {
 public:
  std::string_view name() const override { return "-l"; }
  SysSet entries() const override;
  SysSet exits() const override;
  SysSet objects() const override;
  Entry on_entry(Call& call) override;
  Entry on_objects(Call& call) override;
  void on_exit(Call& call) override;
  void on_thread_end(pid_t thread) override { looked_at_.erase(thread); }

 private:
  void look_at(Call& call, std::optional<StoredFile> file);

  std::unordered_map<pid_t, StoredFile> looked_at_;  ///< by the stat(2) under way
};

}  // namespace nestp
