#include <inotify/detail/name_graph.hpp>

#include <iterator>

namespace inotify::inline v0::detail {

// ---- paths

FollowedPath& NameGraph::add(std::filesystem::path path) {
  Path& added = pending_.emplace_back();
  added.path = std::move(path);
  added.self = std::prev(pending_.end());
  try {
    by_path_.emplace(added.path.native(), &added);
  } catch (...) {
    pending_.pop_back();
    throw;
  }
  return added;
}

std::list<FollowedPath>& NameGraph::list_of(const Path& path) noexcept {
  switch (path.place) {
    case Path::pending:
      return pending_;
    case Path::failed:
      return failed_;
    case Path::at_rest:
      break;
  }
  return at_rest_;
}

void NameGraph::move_to(Path& path, Path::Place place) noexcept {
  std::list<Path>& from = list_of(path);
  path.place = place;
  std::list<Path>& to = list_of(path);
  to.splice(to.end(), from, path.self);
}

// ---- names

FollowedName* NameGraph::find(int wd, std::string_view text) const noexcept {
  const auto at = names_.find(NameKey{wd, text});
  return at == names_.end() ? nullptr : at->second.get();
}

void NameGraph::hold(Route& route, int wd, std::string_view text) {
  if (route.size() == route.capacity()) route.reserve(route.size() * 2 + 8);
  Name* name = find(wd, text);
  if (name == nullptr) name = &make(wd, text);
  if (!std::exchange(name->is_held, true)) route.push_back({name});
}

FollowedName& NameGraph::make(int wd, std::string_view text) {
  auto made = std::make_unique<Name>(Name{wd, std::string(text)});
  Name& name = *made;
  Watch& watch = by_wd_[wd];
  try {
    names_.emplace(NameKey{wd, name.text}, std::move(made));
  } catch (...) {
    if (watch.names == nullptr) by_wd_.erase(wd);
    throw;
  }
  name.next = std::exchange(watch.names, &name);
  if (name.next != nullptr) name.next->previous = &name;
  return name;
}

void NameGraph::erase(Name& name) noexcept {
  const auto watch = by_wd_.find(name.wd);
  (name.previous != nullptr ? name.previous->next : watch->second.names) = name.next;
  if (name.next != nullptr) name.next->previous = name.previous;
  if (watch->second.names == nullptr) by_wd_.erase(watch);
  names_.erase(
      names_.find(NameKey{name.wd, name.text}));  // by its key, which is of the name, until found
}

void NameGraph::attach(RouteStep& step, Path& path) noexcept {
  Name& name = *step.name;
  name.is_held = false;
  step.path = &path;
  step.next = std::exchange(name.steps, &step);
  if (step.next != nullptr) step.next->previous = &step;
}

void NameGraph::detach(RouteStep& step) noexcept {
  (step.previous != nullptr ? step.previous->next : step.name->steps) = step.next;
  if (step.next != nullptr) step.next->previous = step.previous;
}

// ---- doubts

void NameGraph::doubt(Path& path, Doubts doubts) noexcept {
  if ((doubts & Doubt::departure) != 0) {
    doubts &= static_cast<Doubts>(~Doubt::departure);
    if (path.file >= 0) doubts |= Doubt::content;
  }
  path.doubts |= doubts;
  if (path.place == Path::at_rest) move_to(path, Path::pending);
}

void NameGraph::doubt(Name& name, Doubts doubts) noexcept {
  if (name.round != round_) name.doubted = 0;
  if ((doubts & ~name.doubted) == 0) return;
  name.round = round_;
  name.doubted |= doubts;
  for (RouteStep* step = name.steps; step != nullptr; step = step->next) doubt(*step->path, doubts);
}

void NameGraph::doubt_names_in(int wd) noexcept {
  const auto watch = by_wd_.find(wd);
  if (watch == by_wd_.end() || std::exchange(watch->second.round, round_) == round_) return;
  for (Name* name = watch->second.names; name != nullptr; name = name->next) {
    if (!name->text.empty()) doubt(*name, Doubt::lead);
  }
}

void NameGraph::doubt_all(Doubts doubts) noexcept {
  if (std::exchange(all_round_, round_) == round_) return;
  for_each_path([&](Path& path) { doubt(path, doubts); });
}

}  // namespace inotify::inline v0::detail
