#include "extensions/link_sizes.h"

#include <sys/stat.h>

#include "extensions/stat_answer.h"
#include "fs/fd.h"

namespace nestp {

SysSet LinkSizes::objects() const { return stat_by_path_calls(); }

Entry LinkSizes::on_objects(Call& call) {
  if (call.objects.empty() || call.objects.front().follow) return Entry::proceed;
  const CallObject& object = call.objects.front();
  std::optional<std::string> text;
  if (object.shown_link) text = object.shown_link();
  if (!text) {
    if (auto own = read_link(object.host)) text = *std::move(own);
  }
  if (!text) return Entry::proceed;
  sizes_[call.thread] = text->size();
  call.wants_exit = true;
  return Entry::proceed;
}

void LinkSizes::on_exit(Call& call) {
  const auto size = sizes_.extract(call.thread);
  auto answer = StatAnswer::of(call);
  if (!size.empty() && answer && S_ISLNK(answer->mode())) answer->set_length(size.mapped());
}

}  // namespace nestp
