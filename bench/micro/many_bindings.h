// Views of any size for the benches of fs.
#pragma once

#include <memory>
#include <string>

#include "fs/view.h"

namespace nestp::bench {

/// `root` with `count` directories bound at /bound/0, /bound/1 and so on.
inline std::shared_ptr<const View> view_with(const std::string& root, int count) {
  std::vector<Binding> bindings{{.host = HostPath::of_canonical(root), .guest = GuestPath::root()}};
  for (int i = 0; i < count; ++i) {
    const std::string number = std::to_string(i);
    bindings.push_back({.host = HostPath::of_canonical("/srv/data/" + number),
                        .guest = GuestPath::of_canonical("/bound/" + number)});
  }
  return View::make(std::move(bindings));
}

}  // namespace nestp::bench
