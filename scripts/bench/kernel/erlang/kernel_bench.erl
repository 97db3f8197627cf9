%% The workloads on Erlang/OTP: `erl -run kernel_bench main WORKLOAD SIZE...` prints lines of a name and a number.
-module(kernel_bench).
-export([main/1]).

main([Workload | Sizes]) ->
    logger:set_primary_config(level, none),
    Readings = run(list_to_atom(Workload), [list_to_integer(Size) || Size <- Sizes]),
    [io:format("~s ~f~n", [Name, float(Value)]) || {Name, Value} <- Readings],
    halt().

run(starts, [Count]) ->
    [counter_sup:stop(element(1, counter_sup:start(Count))) || _ <- [1, 2]],
    {Micros, _} = timer:tc(fun() -> counter_sup:start(Count) end),
    [{starts, Count * 1.0e6 / Micros}];
run(memory, [Count]) ->
    counter_sup:stop(element(1, counter_sup:start(Count))),
    Before = memory([]),
    {_, Pids} = counter_sup:start(Count),
    [{bytes, (memory(Pids) - Before) / Count}];
run(million, [Count]) ->
    counter_sup:stop(element(1, counter_sup:start(Count div 20))),
    Begun = now_micros(),
    Watch = watch_pauses(),
    {Supervisor, Pids} = counter_sup:start(Count),
    [gen_server:call(Pid, 1) || Pid <- Pids],
    counter_sup:stop(Supervisor),
    [{pause, longest_pause(Watch)}, {millis, (now_micros() - Begun) / 1000}];
run(messages, [Times, Crowd]) ->
    {_, [One | Others]} = counter_sup:start(Crowd + 1),
    Each = Times div Crowd,
    All = fun() -> in_parallel([fun() -> ask(Pid, Each) end || Pid <- Others]) end,
    Asking = fun() -> ask(One, Times) end,
    Telling = fun() -> tell(One, Times) end,
    [Work() || Work <- [Asking, All, Telling]],
    [{askOne, rate(Times, Asking)}, {askMany, rate(Each * Crowd, All)}, {tell, rate(Times, Telling)}];
run(crashes, [Times, Over]) ->
    counter_sup:start(Over),
    Ids = lists:append(lists:duplicate(Times div Over, lists:seq(1, Over))),
    [crash_and_ask(Id) || Id <- Ids],
    Micros = [crash_and_ask(Id) || Id <- Ids],
    [{p50, percentile(Micros, 0.5)}, {p99, percentile(Micros, 0.99)}];
run(together, [Count]) ->
    {Supervisor, Fewer} = counter_sup:start(Count div 10),
    crash_all(Fewer),
    counter_sup:stop(Supervisor),
    {_, Pids} = counter_sup:start(Count),
    [{millis, crash_all(Pids) / 1000}];
run(neighbours, [Count, Doomed, Seconds]) ->
    {_, Pids} = counter_sup:start(Count),
    Living = list_to_tuple(lists:nthtail(Doomed, Pids)),
    phase(Living, Doomed, 1),
    Phases = [{phase(Living, 0, 1), phase(Living, Doomed, 1)} || _ <- lists:seq(1, Seconds)],
    {Calm, Stormy} = lists:unzip(Phases),
    Before = percentile(lists:append([Micros || {Micros, _} <- Calm]), 0.99),
    During = percentile(lists:append([Micros || {Micros, _} <- Stormy]), 0.99),
    [{factor, During / Before}, {stormy, During},
     {calmPause, lists:max([Pause || {_, Pause} <- Calm])}, {pause, lists:max([Pause || {_, Pause} <- Stormy])}].

ask(_, 0) -> ok;
ask(Pid, Times) ->
    gen_server:call(Pid, 1, 5000),
    ask(Pid, Times - 1).

tell(Pid, 0) -> gen_server:call(Pid, 0);
tell(Pid, Times) ->
    gen_server:cast(Pid, 1),
    tell(Pid, Times - 1).

rate(Times, Work) -> Times * 1.0e6 / element(1, timer:tc(Work)).

in_parallel(Works) ->
    Workers = [spawn_monitor(Work) || Work <- Works],
    [receive {'DOWN', Ref, process, _, _} -> ok end || {_, Ref} <- Workers].

%% Whoever asks during the restart finds the process that died, and looks again.
ask_again(Id) ->
    [{_, Pid}] = ets:lookup(counters, Id),
    try gen_server:call(Pid, 1)
    catch exit:_ ->
        erlang:yield(),
        ask_again(Id)
    end.

crash_and_ask(Id) ->
    Begun = now_micros(),
    [{_, Pid}] = ets:lookup(counters, Id),
    catch gen_server:call(Pid, -1),
    ask_again(Id),
    now_micros() - Begun.

crash_all(Pids) ->
    Begun = now_micros(),
    [gen_server:cast(Pid, -1) || Pid <- Pids],
    [ask_again(Id) || Id <- lists:seq(1, length(Pids))],
    now_micros() - Begun.

%% A hundred callers, each 5 ms after its last answer, while so many others crash each second.
phase(Living, Doomed, Seconds) ->
    Self = self(),
    End = now_micros() + Seconds * 1000000,
    Watch = watch_pauses(),
    Crashing = [fun() -> crash_others(Doomed, now_micros(), 0, End) end || Doomed > 0],
    Calling = [fun() -> Self ! {micros, call(Living, From, End, [])} end || From <- lists:seq(0, 99)],
    in_parallel(Crashing ++ Calling),
    Micros = lists:append([receive {micros, Some} -> Some end || _ <- Calling]),
    {Micros, longest_pause(Watch)}.

call(Living, Next, End, Micros) ->
    Begun = now_micros(),
    case Begun < End of
        false -> Micros;
        true ->
            gen_server:call(element(Next rem tuple_size(Living) + 1, Living), 1),
            Took = now_micros() - Begun,
            timer:sleep(5),
            call(Living, Next + 100, End, [Took | Micros])
    end.

crash_others(Doomed, Begun, Done, End) ->
    Now = now_micros(),
    case Now < End of
        false -> ok;
        true ->
            Due = max(Done, (Now - Begun) * Doomed div 1000000),
            [gen_server:cast(ets:lookup_element(counters, Id rem Doomed + 1, 2), -1) || Id <- lists:seq(Done, Due - 1)],
            timer:sleep(1),
            crash_others(Doomed, Begun, Due, End)
    end.

%% The longest time between two ticks of 1 ms, as Node.js is watched.
watch_pauses() -> spawn_link(fun() -> tick(now_micros(), 0) end).

tick(Last, Longest) ->
    receive {longest, From} -> From ! {longest, max(Longest, now_micros() - Last)}
    after 1 ->
        Now = now_micros(),
        tick(Now, max(Longest, Now - Last))
    end.

longest_pause(Watch) ->
    Watch ! {longest, self()},
    receive {longest, Micros} -> Micros / 1000 end.

%% Bytes in use once everybody has collected what they no longer need.
memory(Pids) ->
    [garbage_collect(Pid) || Pid <- Pids ++ processes()],
    erlang:memory(total).

percentile(Values, Share) -> lists:nth(max(1, ceil(length(Values) * Share)), lists:sort(Values)).

now_micros() -> erlang:monotonic_time(nanosecond) / 1000.
