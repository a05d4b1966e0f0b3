// The extension of -0, -i and -S: the guest believes to have other ids, and what it
// does with them is remembered.
//
// No thread's real ids change.  See world.h for the parts; the kernel still has the
// last word on what the person who runs nestp may do.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/extension.h"
#include "extensions/identity/world.h"

namespace nestp {

class Identity final : public Extension {
 public:
  struct Settings {
    std::uint32_t user = 0, group = 0;
    std::string rootfs{};  ///< host path of the root file system
    /// Directory for records where none can be kept beside the root file system; empty: none.
    std::string state_directory{};
  };
  explicit Identity(const Settings& settings);
  ~Identity() override;

  std::string_view name() const override { return "identity"; }
  SysSet entries() const override { return entries_; }
  SysSet objects() const override { return objects_; }
  Entry on_entry(Call& call) override;
  Entry on_objects(Call& call) override;
  void on_exit(Call& call) override;
  bool on_denied(const std::string& host) override;
  std::optional<bool> has_capability(pid_t thread, unsigned capability) override;
  std::optional<InsideWorld> inside_world() const override;
  bool is_inside_world(pid_t thread) override;
  bool judges_search(const Searcher& who) override;
  SysResult<> may_search(const Searcher& who, const std::string& host) override;
  void share_places(RecordPlaces* places) override { world_.files.share_places(places); }
  std::vector<RecordedInode> take_recorded(bool refresh) override {
    return world_.files.take_recorded(refresh);
  }
  std::vector<std::string_view> text_names() const override {
    return {"gid_map", "setgroups", "status", "uid_map"};
  }
  bool on_text(pid_t reader, std::string_view host, std::optional<std::string>& text) override;
  void on_program_start(ProgramStart& start) override;
  void on_thread_renamed(pid_t former, pid_t now) override;
  void on_thread_start(pid_t thread, pid_t parent) override;
  void on_thread_end(pid_t thread) override;

 private:
  void add(std::span<const identity::Route> routes);

  identity::World world_;
  SysSet entries_;
  SysSet objects_;
  struct Handlers {
    identity::Handler on_entry = nullptr;
    identity::Handler on_objects = nullptr;
  };
  std::array<Handlers, kSysCount + 1> handlers_{};
};

/// Where the database of a root file system may be, the best place first.
std::vector<std::string> owner_places(const std::string& rootfs,
                                      const std::string& state_directory);

}  // namespace nestp
