package sim
import ("testing";"fmt";"os";"strconv")
func TestZZ(t *testing.T){
 seed,_:=strconv.ParseUint(os.Getenv("SEED"),10,64)
 rec:=&recorder{describe:true}
 s,err:=simulate(Config{Seed:seed},rec)
 if err!=nil{t.Fatal(err)}
 b:=s.w.base
 fmt.Printf("%+v\n%+v\n",b,*s.cfg.Faults)
 f,_:=os.Create("/tmp/trace."+os.Getenv("SEED"))
 for _,l:=range rec.lines{fmt.Fprintln(f,l)}
 f.Close()
}
