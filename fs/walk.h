// One resolution of a path under way: what resolve.cc and walk_proc.cc share.
#pragma once

#include <cstdint>
#include <linux/openat2.h>
#include <optional>
#include <string>
#include <string_view>

#include "fs/path_cache.h"
#include "fs/position.h"
#include "fs/resolve.h"

namespace nestp {

inline constexpr int kMaxLinks = 40;  // the 41st is ELOOP (fs/namei.c, MAXSYMLINKS)
inline constexpr ResolveFlags kScoped = RESOLVE_BENEATH | RESOLVE_IN_ROOT;

bool has_parent_component(std::string_view rest);

class Walk {
 public:
  Walk(PathCache& cache, const ResolveFrom& from, LastLink last, ResolveFlags flags)
      : cache_(cache), from_(from), last_(last), flags_(flags), at_(from.view, cache) {}

  SysResult<Resolved> run(std::string_view text);

 private:
  enum class Step : std::uint8_t {
    more,      ///< go on with rest_
    done,      ///< at_ and suffix_ are the answer
    ordinary,  ///< of take_proc_name: nothing special about this name
  };

  SysResult<Resolved> failed(std::string_view text, Errno error) const;
  SysResult<> start();
  SysResult<Step> take_component();
  SysResult<Step> take_parent(bool is_last);
  SysResult<Step> take_name(std::string_view name, bool is_last);
  SysResult<Step> take_proc_name(std::string_view name, bool is_last, bool follow);
  SysResult<Step> take_magic_link(std::string_view name, bool is_last, bool follow);
  SysResult<Step> leave_removed(std::string_view name);
  SysResult<Step> follow_link(std::string_view target);
  SysResult<Step> jump(const GuestPath& place, bool is_last);

  SysResult<PathCache::Fact> look(std::string_view name);
  SysResult<GuestPath> name_of(const HostPath& host, std::string_view name) const;
  Step arrive(bool is_last);
  Step hand_on(std::string_view name);
  void enter_root();
  bool is_at_root() const;
  std::string anchored(const std::string& host) const;
  bool is_undone(Errno error, const std::string& host) const;
  SysResult<> count_magic_link();
  SysResult<> check_mount() const;
  SysResult<> check_left();
  Resolved finish();

  PathCache& cache_;
  const ResolveFrom& from_;
  const LastLink last_;
  const ResolveFlags flags_;

  Position at_;
  std::string_view rest_;  ///< still to be walked; starts with a slash, or at a component
  std::string buffer_;     ///< what rest_ points into once a link was followed
  std::string link_text_;
  std::string_view suffix_;  ///< what the kernel must see behind at_'s host path
  bool raw_ = false;         ///< suffix_ holds components that were not walked
  int links_ = 0;
  std::optional<Errno> search_error_;  ///< of a ".." that only the kernel should judge so far
  bool unchanged_ = false;
  std::string anchor_;         ///< ResolveFrom::base_anchor, or a magic link that was followed
  std::string anchored_host_;  ///< where it leads
  bool anchored_ = false;      ///< every step can be made from the anchor on
  bool magic_ = false;
  std::optional<GuestPath> executable_;
  const Binding* first_binding_ = nullptr;  ///< for RESOLVE_NO_XDEV
  std::optional<std::uint64_t> first_mount_;
};

}  // namespace nestp
